# SPDX-License-Identifier: Apache-2.0
# trapeze_freestanding(TARGET): C++ without exceptions, RTTI, heap or C library, for code that
# also (or only) runs bare-metal. On the host the same language limits hold, so that the code
# that is tested is the code that ships.
function(trapeze_freestanding target)
    target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>)
    if(DEFINED TRAPEZE_TARGET)
        # GCC would have a packed word loaded a byte at a time; the core loads it as it lies (manual 3.1).
        target_compile_options(${target} PRIVATE -ffreestanding -fno-pic -fno-stack-protector
            -fno-asynchronous-unwind-tables -msoft-float -mno-strict-align -mno-sdata -ffunction-sections
            -fdata-sections)
    endif()
endfunction()
