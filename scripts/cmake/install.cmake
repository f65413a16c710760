# cmake --install: programs, the token module, systemd units.
install(TARGETS gatehouse gatehouse-signer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS gatehouse-softtoken LIBRARY DESTINATION lib/gatehouse)
install(FILES
    ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse.service
    ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse-signer.service
    DESTINATION lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/sql/grants.sql DESTINATION share/gatehouse)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/gatehouse-sysusers.conf
    DESTINATION lib/sysusers.d RENAME gatehouse.conf)
install(FILES ${CMAKE_SOURCE_DIR}/scripts/systemd/signer.conf.example DESTINATION share/gatehouse)
# The web console, when scripts/lib/build-console has put it beside the programs.
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/gatehouse/console DESTINATION share/gatehouse OPTIONAL)
