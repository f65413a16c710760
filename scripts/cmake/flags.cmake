# One interface library carries every flag: warnings as errors, hardening, sanitizers.
add_library(gatehouse_flags INTERFACE)
target_compile_options(gatehouse_flags INTERFACE
    -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings
    -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Werror -fno-strict-aliasing
    $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wno-maybe-uninitialized>) # gcc does not follow "false: untouched"
target_compile_definitions(gatehouse_flags INTERFACE _GNU_SOURCE OPENSSL_API_COMPAT=30000
    OPENSSL_NO_DEPRECATED GATEHOUSE_VERSION="${PROJECT_VERSION}")

# What a library of others calls is its own: libunbound would find our event_add for libevent's.
# Not with sanitizers: their own malloc has to be seen by libraries.
if(NOT GATEHOUSE_SANITIZE)
    target_link_options(gatehouse_flags INTERFACE
        $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-Wl,--exclude-libs,ALL>)
endif()

if(GATEHOUSE_SANITIZE)
    target_compile_options(gatehouse_flags INTERFACE
        -fsanitize=${GATEHOUSE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
    target_link_options(gatehouse_flags INTERFACE -fsanitize=${GATEHOUSE_SANITIZE})
    target_compile_definitions(gatehouse_flags INTERFACE GATEHOUSE_SANITIZED=1)
else()
    target_compile_options(gatehouse_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection -fcf-protection
        $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
    target_link_options(gatehouse_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
        $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()
if(GATEHOUSE_FUZZ)
    target_compile_options(gatehouse_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
