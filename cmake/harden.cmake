# Exploit mitigations of the release build. They follow the build type: _FORTIFY_SOURCE needs an
# optimising compiler and stays away from sanitizers. No -O and no -march here.
include(CheckCCompilerFlag)

set(PQI_HARDEN_COMPILE "")
set(PQI_HARDEN_LINK "")
if(PQI_HARDEN AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT CMAKE_C_FLAGS MATCHES "-fsanitize")
    set(PQI_HARDEN_COMPILE
        $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-U_FORTIFY_SOURCE>
        $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>
        -fstack-protector-strong)
    check_c_compiler_flag(-fstack-clash-protection PQI_HAS_STACK_CLASH)
    if(PQI_HAS_STACK_CLASH)
        list(APPEND PQI_HARDEN_COMPILE -fstack-clash-protection)
    endif()
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|i.86")
        list(APPEND PQI_HARDEN_COMPILE -fcf-protection=full)
    endif()
    set(PQI_HARDEN_LINK -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

function(pqi_harden target)
    target_compile_options(${target} PRIVATE ${PQI_HARDEN_COMPILE})
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "STATIC_LIBRARY")
        target_link_options(${target} PRIVATE ${PQI_HARDEN_LINK})
    endif()
    if(type STREQUAL "EXECUTABLE")
        set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
        if(PQI_HARDEN_LINK)
            target_link_options(${target} PRIVATE -pie)
        endif()
    endif()
endfunction()
