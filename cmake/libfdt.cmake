# SPDX-License-Identifier: Apache-2.0
# libfdt for the VMM, from the kernel tarball (LINUX_TARBALL), unpacked into the build folder once.
set(LINUX_TARBALL "$ENV{LINUX_TARBALL}")
if(NOT LINUX_TARBALL)
    set(LINUX_TARBALL /usr/src/linux-source-6.1.tar.xz)
endif()
set(LIBFDT_ROOT ${CMAKE_BINARY_DIR}/libfdt-src)
set(LIBFDT_DIR ${LIBFDT_ROOT}/scripts/dtc/libfdt)
if(NOT EXISTS ${LIBFDT_DIR}/fdt_rw.c)
    message(STATUS "Unpacking libfdt from ${LINUX_TARBALL}")
    file(MAKE_DIRECTORY ${LIBFDT_ROOT})
    execute_process(COMMAND tar -xf ${LINUX_TARBALL} -C ${LIBFDT_ROOT} --strip-components=1
        --wildcards "*/scripts/dtc/libfdt/*" COMMAND_ERROR_IS_FATAL ANY)
endif()
add_library(fdt STATIC ${LIBFDT_DIR}/fdt.c ${LIBFDT_DIR}/fdt_ro.c ${LIBFDT_DIR}/fdt_rw.c
    ${LIBFDT_DIR}/fdt_wip.c ${LIBFDT_DIR}/fdt_strerror.c ${LIBFDT_DIR}/fdt_addresses.c)
target_include_directories(fdt SYSTEM PUBLIC ${LIBFDT_DIR})
