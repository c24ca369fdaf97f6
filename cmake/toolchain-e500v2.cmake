# SPDX-License-Identifier: Apache-2.0
# The powerpc64 GCC in 32-bit mode. -mcpu=8548 is the e500v2 without its SPE, which GCC no longer
# generates and which belongs to the guest anyway.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR e500v2)
set(CMAKE_C_COMPILER powerpc64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER powerpc64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER powerpc64-linux-gnu-gcc)
set(CMAKE_OBJCOPY powerpc64-linux-gnu-objcopy)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_FLAGS_INIT "-m32 -mcpu=8548")
set(CMAKE_CXX_FLAGS_INIT "-m32 -mcpu=8548")
set(CMAKE_ASM_FLAGS_INIT "-m32 -mcpu=8548")
set(TRAPEZE_TARGET e500v2)
