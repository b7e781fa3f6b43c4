set(PQI_TRIPLE arm-linux-gnueabihf)
set(PQI_PROCESSOR arm)
include(${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake)
