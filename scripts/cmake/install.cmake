# cmake --install and cpack: programs, the token module, systemd units. Three packages, since the signer may run on a
# machine of its own, and an agent does.
install(TARGETS gatehouse RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT gateway)
install(TARGETS gatehouse-signer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT signer)
install(TARGETS gatehouse-agent RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT agent)
install(TARGETS gatehouse-softtoken LIBRARY DESTINATION lib/gatehouse COMPONENT signer)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse.service
    DESTINATION lib/systemd/system COMPONENT gateway)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse-signer.service
    DESTINATION lib/systemd/system COMPONENT signer)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse-agent.service
    DESTINATION lib/systemd/system COMPONENT agent)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/agent-sysusers.conf
    DESTINATION lib/sysusers.d RENAME gatehouse-agent.conf COMPONENT agent)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/agent.conf.example
    DESTINATION share/gatehouse COMPONENT agent)
install(FILES ${CMAKE_SOURCE_DIR}/sql/grants.sql ${CMAKE_SOURCE_DIR}/sql/validation.sql
    ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse.conf.example
    DESTINATION share/gatehouse COMPONENT gateway)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse-sysusers.conf
    DESTINATION lib/sysusers.d RENAME gatehouse.conf COMPONENT signer)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/signer.conf.example
    DESTINATION share/gatehouse COMPONENT signer)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/container/Containerfile DESTINATION share/gatehouse COMPONENT gateway)
install(PROGRAMS ${CMAKE_SOURCE_DIR}/scripts/container/start DESTINATION lib/gatehouse RENAME container-start COMPONENT gateway)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/monitoring DESTINATION share/gatehouse COMPONENT gateway)
# The web console and the public pages, when scripts/lib/build-console has put them beside the programs.
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/gatehouse/console ${CMAKE_BINARY_DIR}/share/gatehouse/public
    DESTINATION share/gatehouse COMPONENT gateway OPTIONAL)

# OpenSSL comes along where the system's is too old, and libp11 with it: then signer and agent need the C library alone,
# and one package serves every distribution that has the one it was built with, or a newer one.
if(EXISTS "${GATEHOUSE_DEPS}/lib/libcrypto.so.3")
    find_library(LIBP11_SHARED p11 REQUIRED)
    file(REAL_PATH "${LIBP11_SHARED}" _libp11)
    install(FILES "${GATEHOUSE_DEPS}/lib/libcrypto.so.3" "${GATEHOUSE_DEPS}/lib/libssl.so.3"
        DESTINATION lib/gatehouse COMPONENT signer)
    install(FILES "${_libp11}" DESTINATION lib/gatehouse RENAME libp11.so.3 COMPONENT signer)
endif()

# From the table of the program itself, so that they are never old.
install(CODE "
    set(_share \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share\")
    file(MAKE_DIRECTORY \"\${_share}/man/man1\" \"\${_share}/bash-completion/completions\")
    execute_process(COMMAND $<TARGET_FILE:gatehouse> ctl manual
        OUTPUT_FILE \"\${_share}/man/man1/gatehouse-ctl.1\" COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND $<TARGET_FILE:gatehouse> ctl completion
        OUTPUT_FILE \"\${_share}/bash-completion/completions/gatehouse\" COMMAND_ERROR_IS_FATAL ANY)
    " COMPONENT gateway)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gatehouse)
set(CPACK_PACKAGE_VENDOR "Gatehouse")
set(CPACK_PACKAGE_CONTACT "Gatehouse <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Certification authority for companies")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL gateway signer agent)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${GATEHOUSE_DEPS}/lib")
# The users are made by systemd-sysusers, with or without systemd itself (in a container).
set(_sysusers "systemd | systemd-standalone-sysusers")
set(_libraries "")
if(EXISTS "${GATEHOUSE_DEPS}/lib/libcrypto.so.3")
    # dpkg-shlibdeps would ask for the system's OpenSSL, which is not used. The package test holds that no newer symbol of
    # the C library than 2.35 (Ubuntu 22.04) is wanted.
    set(CPACK_DEBIAN_SIGNER_PACKAGE_SHLIBDEPS OFF)
    set(CPACK_DEBIAN_AGENT_PACKAGE_SHLIBDEPS OFF)
    set(_libraries ", libc6 (>= 2.35)")
endif()
set(CPACK_DEBIAN_GATEWAY_PACKAGE_NAME gatehouse)
set(CPACK_DEBIAN_SIGNER_PACKAGE_NAME gatehouse-signer)
set(CPACK_DEBIAN_AGENT_PACKAGE_NAME gatehouse-agent)
set(CPACK_DEBIAN_SIGNER_PACKAGE_DEPENDS "${_sysusers}${_libraries}")
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS "gatehouse-signer (= ${PROJECT_VERSION}), ${_sysusers}${_libraries}")
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "pcscd, ykcs11, softhsm2")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS "gatehouse-signer (= ${PROJECT_VERSION})")
# The gateway uses libraries of its distribution (MariaDB, curl, LDAP, unbound): its file is named for that.
file(STRINGS /etc/os-release _release REGEX "^(ID|VERSION_ID)=")
list(TRANSFORM _release REPLACE "^[A-Z_]+=\"?([^\"]*)\"?$" "\\1")
list(SORT _release ORDER DESCENDING)
list(JOIN _release "" _release)
execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE _architecture OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
set(CPACK_DEBIAN_GATEWAY_FILE_NAME "gatehouse_${PROJECT_VERSION}_${_release}_${_architecture}.deb")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_RECOMMENDS "mariadb-client, ca-certificates")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_SUGGESTS "mariadb-server, haproxy, prometheus")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/scripts/systemd/gateway/postinst;${CMAKE_SOURCE_DIR}/scripts/systemd/gateway/prerm;${CMAKE_SOURCE_DIR}/scripts/systemd/gateway/postrm")
set(CPACK_DEBIAN_SIGNER_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/scripts/systemd/signer/postinst;${CMAKE_SOURCE_DIR}/scripts/systemd/signer/prerm;${CMAKE_SOURCE_DIR}/scripts/systemd/signer/postrm")
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/scripts/systemd/agent/postinst;${CMAKE_SOURCE_DIR}/scripts/systemd/agent/prerm;${CMAKE_SOURCE_DIR}/scripts/systemd/agent/postrm")
set(CPACK_COMPONENT_GATEWAY_DESCRIPTION "The gateway: REST, console, ACME, SCEP, EST, CMP, OCSP, timestamps. It holds no key.")
set(CPACK_COMPONENT_SIGNER_DESCRIPTION "The signer, the only process that holds keys, its software token, and OpenSSL 3.5.")
set(CPACK_COMPONENT_AGENT_DESCRIPTION "The agent: lends the tokens of its machine to a gateway elsewhere.")
include(CPack)
