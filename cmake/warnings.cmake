# SPDX-License-Identifier: Apache-2.0
# trapeze_warnings(TARGET): the project's warnings, as errors, on its own code only.
function(trapeze_warnings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wshadow -Wundef -Wvla
        $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual>)
endfunction()
