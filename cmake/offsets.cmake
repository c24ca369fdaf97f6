# SPDX-License-Identifier: Apache-2.0
# cmake -DINPUT=offsets.s -DOUTPUT=offsets.h -P offsets.cmake: the "@define NAME value" lines of a
# compiled offsets.cpp as a C header for the assembly, names in upper case; some have two values.
file(STRINGS ${INPUT} lines REGEX "@define")
set(text "// Generated from hv/exit/offsets.cpp.\n")
foreach(line IN LISTS lines)
    string(REGEX MATCH "@define ([A-Za-z0-9_]+) ([0-9, -]+)" found "${line}")
    string(TOUPPER "${CMAKE_MATCH_1}" name)
    string(APPEND text "#define ${name} ${CMAKE_MATCH_2}\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")
