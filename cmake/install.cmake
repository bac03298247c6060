# make install: bin/saccade, the built-in model where the program looks for it (share/saccade beside bin),
# and the public headers.
include(GNUInstallDirs)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/assets/glance DESTINATION ${CMAKE_INSTALL_DATADIR}/saccade)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/saccade DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/saccade)
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
