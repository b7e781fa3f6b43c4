set(PQI_CPU cortex-m0)
include(${CMAKE_CURRENT_LIST_DIR}/cortex-m.cmake)
