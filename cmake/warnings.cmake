# Warnings are errors for us, never for those who use the library as a subproject.
set(PQI_WARNINGS
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wcast-qual
    -Wcast-align -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith
    -Wwrite-strings -Wvla -Wswitch-enum -Wformat=2 -Wnull-dereference -Wredundant-decls
    -Wnested-externs -Wdouble-promotion -Wimplicit-fallthrough -Wunused-result)
set(PQI_WARNINGS_GNU
    -Wcast-align=strict -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Walloca
    -Warith-conversion -Wjump-misses-init -Wtrampolines -Wstack-usage=16384)
set(PQI_WARNINGS_CLANG
    -Wcomma -Wassign-enum -Wunreachable-code-aggressive -Wconditional-uninitialized
    -Wshift-sign-overflow -Wloop-analysis -Wextra-semi-stmt -Wreserved-identifier
    -Wmissing-variable-declarations -Wdocumentation -Wframe-larger-than=16384)

function(pqi_warnings target)
    if(NOT PQI_TOP_LEVEL)
        return()
    endif()
    target_compile_options(${target} PRIVATE $<$<BOOL:${PQI_WERROR}>:-Werror> ${PQI_WARNINGS}
        $<$<C_COMPILER_ID:GNU>:${PQI_WARNINGS_GNU}>
        $<$<C_COMPILER_ID:Clang>:${PQI_WARNINGS_CLANG}>)
endfunction()
