# gatehouse_room(NAME SOURCES ... LINKS ...): a room is a static library. It sees the headers of the rooms
# it links and no others, so an arrow that the design forbids does not compile.
# Headers are included by room: #include "base/error.h".
function(gatehouse_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINKS" ${ARGN})
    add_library(${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(${name} PRIVATE gatehouse_flags PUBLIC ${ROOM_LINKS})
    # The include root is a folder of links to this room alone.
    string(REGEX REPLACE "^gatehouse_" "" _dir ${name})
    set(_root "${CMAKE_BINARY_DIR}/include/${_dir}")
    file(MAKE_DIRECTORY "${_root}")
    file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}" "${_root}/${_dir}" SYMBOLIC)
    target_include_directories(${name} PUBLIC "${_root}")
    set_property(GLOBAL APPEND PROPERTY GATEHOUSE_ROOMS ${name})
endfunction()

# gatehouse_unit_test(NAME SOURCES ... LINKS ...): one cmocka program, one ctest entry "unit/NAME".
function(gatehouse_unit_test name)
    cmake_parse_arguments(UT "" "" "SOURCES;LINKS;ARGS" ${ARGN})
    add_executable(test_${name} ${UT_SOURCES})
    target_link_libraries(test_${name} PRIVATE gatehouse_flags ${UT_LINKS} PkgConfig::CMOCKA)
    add_test(NAME unit/${name} COMMAND test_${name} ${UT_ARGS})
    set_tests_properties(unit/${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# gatehouse_fuzz_target(NAME SOURCES ... LINKS ...): libFuzzer program fuzz_NAME; seeds in tests/fuzz/seeds/NAME.
function(gatehouse_fuzz_target name)
    cmake_parse_arguments(FT "" "" "SOURCES;LINKS" ${ARGN})
    add_executable(fuzz_${name} ${FT_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE gatehouse_flags ${FT_LINKS})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz/${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run $<TARGET_FILE:fuzz_${name}>
        ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${name})
    set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
endfunction()
