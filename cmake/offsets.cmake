# SPDX-License-Identifier: Apache-2.0
# cmake -DINPUT=offsets.s -DOUTPUT=offsets.h -P offsets.cmake: the "@define NAME value" lines of a
# compiled offsets.cpp as a C header for the assembly.
file(STRINGS ${INPUT} lines REGEX "@define")
set(text "// Generated from hv/exit/offsets.cpp.\n")
foreach(line IN LISTS lines)
    string(REGEX REPLACE ".*@define ([A-Z0-9_]+) ([0-9-]+).*" "#define \\1 \\2\n" define "${line}")
    string(APPEND text "${define}")
endforeach()
file(WRITE ${OUTPUT} "${text}")
