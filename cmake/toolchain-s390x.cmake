set(PQI_TRIPLE s390x-linux-gnu)
set(PQI_PROCESSOR s390x)
include(${CMAKE_CURRENT_LIST_DIR}/linux-cross.cmake)
