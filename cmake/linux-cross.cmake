# Another Linux under user-mode emulation: the toolchain files set PQI_TRIPLE and PQI_PROCESSOR. Only
# the libraries are built, since the Linux port's libraries are not installed for it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${PQI_PROCESSOR})
set(CMAKE_C_COMPILER ${PQI_TRIPLE}-gcc)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
