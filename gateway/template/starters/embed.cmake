# cmake -DOUT=FILE -DFILES=FILE;... -P embed.cmake: writes the sets of starters as a C file.
set(_text "/* Made from gateway/template/starters/ by embed.cmake. */\n#include \"template/starters.h\"\n\n")
set(_table "")
set(_number 0)
foreach(_file IN LISTS FILES)
    math(EXPR _number "${_number} + 1")
    file(READ "${_file}" _hex HEX)
    string(LENGTH "${_hex}" _len)
    math(EXPR _len "${_len} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," _bytes "${_hex}")
    string(REGEX REPLACE "(................................................................................)"
        "\\1\n    " _bytes "${_bytes}")
    string(APPEND _text "static const uint8_t set_${_number}[] = {\n    ${_bytes}};\n\n")
    string(APPEND _table "    {set_${_number}, ${_len}},\n")
endforeach()
string(APPEND _text "const struct view starter_files[] = {\n${_table}};\n"
    "const size_t starter_file_count = sizeof starter_files / sizeof starter_files[0];\n")
file(WRITE "${OUT}" "${_text}")
