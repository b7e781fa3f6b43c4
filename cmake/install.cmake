# Headers, libraries, a CMake package (find_package(pqi)), pkg-config, man pages, completion.
include(CMakePackageConfigHelpers)

set(installed ${PQI_LIBRARIES})
if(PQI_SHARED)
    list(APPEND installed pqi-shared)
endif()
install(TARGETS ${installed} EXPORT pqiTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/pqi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET pqi-cli)
    install(TARGETS pqi-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(PQI_HAS_HOST OFF)
if(TARGET pqi-host)
    set(PQI_HAS_HOST ON)
endif()
set(PQI_HAS_LIBPQ OFF)
if(PQI_HAS_HOST AND LIBPQ_FOUND)
    set(PQI_HAS_LIBPQ ON)
endif()
set(PQI_HAS_TSS2 OFF)
if(PQI_HAS_HOST AND TSS2_FOUND)
    set(PQI_HAS_TSS2 ON)
endif()
set(PQI_HAS_P11KIT OFF)
if(PQI_HAS_HOST AND P11KIT_FOUND)
    set(PQI_HAS_P11KIT ON)
endif()
set(PQI_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/pqi)
install(EXPORT pqiTargets NAMESPACE pqi:: DESTINATION ${PQI_CMAKE_DIR})
configure_package_config_file(cmake/pqiConfig.cmake.in ${PROJECT_BINARY_DIR}/pqiConfig.cmake
    INSTALL_DESTINATION ${PQI_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pqiConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pqiConfig.cmake ${PROJECT_BINARY_DIR}/pqiConfigVersion.cmake
    DESTINATION ${PQI_CMAKE_DIR})

# pkg-config: the shared library holds everything; --static names the parts, users before used.
set(PC_REQUIRES "")
set(PC_STATIC "")
if(TARGET pqi-host)
    set(PC_REQUIRES "libcrypto sqlite3 libmosquitto")
    if(LIBPQ_FOUND)
        string(APPEND PC_REQUIRES " libpq")
    endif()
    if(TSS2_FOUND)
        string(APPEND PC_REQUIRES " tss2-esys tss2-mu tss2-sys tss2-tctildr")
    endif()
    if(P11KIT_FOUND)
        string(APPEND PC_REQUIRES " p11-kit-1")
    endif()
endif()
foreach(lib IN LISTS PQI_LIBRARIES)
    set(PC_STATIC "-l${lib} ${PC_STATIC}")
endforeach()
string(STRIP "${PC_STATIC}" PC_STATIC)
if(PQI_SHARED)
    set(PC_LIBS "-lpqi")
else()
    set(PC_LIBS "${PC_STATIC}")
endif()
file(RELATIVE_PATH PC_UP "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
string(REGEX REPLACE "/$" "" PC_UP "${PC_UP}")
configure_file(cmake/pqi.pc.in ${PROJECT_BINARY_DIR}/pqi.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pqi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# What a driver has to do, as a test program: tests/conformance/README.md.
if(TARGET pqi-host)
    install(FILES tests/conformance/README.md tests/conformance/conformance.c
        tests/conformance/conformance.h tests/conformance/main.c tests/conformance/threads.c
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pqi/conformance)
endif()

if(EXISTS ${PROJECT_SOURCE_DIR}/docs/man)
    install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        FILES_MATCHING PATTERN "*.1")
endif()
if(TARGET pqi-agent)
    install(FILES docs/man/pqi-agent.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/apps/pqi/pqi.bash-completion)
    install(FILES apps/pqi/pqi.bash-completion RENAME pqi
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
