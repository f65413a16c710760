# Where the libraries come from. scripts/deps fills GATEHOUSE_DEPS with CivetWeb, and with OpenSSL where
# the system's is older than 3.5; everything else is the distribution's.
if(DEFINED ENV{GATEHOUSE_CACHE})
    set(_cache "$ENV{GATEHOUSE_CACHE}")
else()
    set(_cache "$ENV{HOME}/.cache/gatehouse")
endif()
set(GATEHOUSE_DEPS "${_cache}/deps" CACHE PATH "Prefix that scripts/deps fills")
list(PREPEND CMAKE_PREFIX_PATH "${GATEHOUSE_DEPS}")
set(ENV{PKG_CONFIG_PATH} "${GATEHOUSE_DEPS}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
if(EXISTS "${GATEHOUSE_DEPS}/lib/libcrypto.so")
    set(OPENSSL_ROOT_DIR "${GATEHOUSE_DEPS}")
    # Found first by the program, so that libraries built against an older libcrypto.so.3 share it.
    set(CMAKE_BUILD_RPATH "${GATEHOUSE_DEPS}/lib")
    # They are installed beside the token module (install.cmake).
    set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib/gatehouse")
endif()

find_package(OpenSSL 3.5 REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(LDAP REQUIRED IMPORTED_TARGET ldap lber)
pkg_check_modules(LIBP11 REQUIRED IMPORTED_TARGET libp11)
if(GATEHOUSE_TESTS)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# Not by pkg-config: its file wants the headers of libevent, which we do not use.
find_path(UNBOUND_INCLUDE_DIR unbound.h REQUIRED)
find_library(UNBOUND_LIBRARY unbound REQUIRED)
add_library(unbound SHARED IMPORTED)
set_target_properties(unbound PROPERTIES IMPORTED_LOCATION "${UNBOUND_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${UNBOUND_INCLUDE_DIR}")
# Nor these: pkg-config would name the system's libcrypto with them.
find_path(FIDO2_INCLUDE_DIR fido.h REQUIRED)
find_library(FIDO2_LIBRARY fido2 REQUIRED)
add_library(fido2 SHARED IMPORTED)
set_target_properties(fido2 PROPERTIES IMPORTED_LOCATION "${FIDO2_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${FIDO2_INCLUDE_DIR}")
find_path(JSMN_INCLUDE_DIR jsmn.h REQUIRED)
find_path(CIVETWEB_INCLUDE_DIR civetweb.h REQUIRED HINTS "${GATEHOUSE_DEPS}/include" NO_DEFAULT_PATH)
find_library(CIVETWEB_LIBRARY NAMES libcivetweb.a REQUIRED HINTS "${GATEHOUSE_DEPS}/lib" NO_DEFAULT_PATH)
add_library(civetweb STATIC IMPORTED)
set_target_properties(civetweb PROPERTIES
    IMPORTED_LOCATION "${CIVETWEB_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CIVETWEB_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;rt;dl")

get_filename_component(_openssl_lib_dir "${OPENSSL_CRYPTO_LIBRARY}" DIRECTORY)
find_library(LIBCRYPTO_STATIC NAMES libcrypto.a REQUIRED HINTS "${_openssl_lib_dir}")
add_library(gatehouse_libcrypto_static STATIC IMPORTED)
set_target_properties(gatehouse_libcrypto_static PROPERTIES
    IMPORTED_LOCATION "${LIBCRYPTO_STATIC}"
    INTERFACE_INCLUDE_DIRECTORIES "${OPENSSL_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;dl")
