# cmake -DNAME=symbol -DFROM=file -DTO=file.c -P embed.cmake: the bytes of a file as a C array.
file(READ "${FROM}" _hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," _bytes "${_hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" _bytes "${_bytes}")
file(WRITE "${TO}" "/* Made from ${FROM} by the build. */
extern const unsigned char ${NAME}[];
extern const unsigned long ${NAME}_size;
const unsigned char ${NAME}[] = {
${_bytes}
};
const unsigned long ${NAME}_size = sizeof ${NAME};
")
