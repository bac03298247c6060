# cmake -D CLANG=clang++ -D SOURCES=src -D FILE=file.cc [-D REFUSED=ON] -P metal_parse_check.cmake
#
# Parses FILE, which includes kernels, and reads the kernels' own text for what clang accepts and Metal does not.
# With REFUSED, FILE must be refused for the reason that its first line names: "// refused: <regular expression>".
set(problems "")

execute_process(
  COMMAND ${CLANG} -std=c++14 -fno-exceptions -fno-rtti -DSACCADE_GPU_ADDRESS_SPACES -fsyntax-only -Wall -Wextra -Werror
          -Wdouble-promotion -Wvla-extension -Wno-unused-const-variable -I ${SOURCES} ${FILE}
  RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 0)
  string(APPEND problems "${output}\n")
endif()

# Every pointer and reference names its memory. clang knows the thread's own by the lack of a name; Metal does not.
# Every constant outside of functions is GPU_CONSTEXPR. (The text is formatted: "T* x", "a * b".)
function(check_text file)
  file(READ ${file} text)
  get_filename_component(name ${file} NAME)
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  # Lists in CMake are strings with semicolons, where brackets count as well.
  string(REPLACE ";" "{" text "${text}")
  string(REPLACE "[" "(" text "${text}")
  string(REPLACE "]" ")" text "${text}")
  string(REGEX MATCHALL "\n(static |inline )*const(expr)? [^\n]*" constants "${text}")
  foreach(found ${constants})
    if(NOT found MATCHES "\\)( const)? {$")
      string(STRIP "${found}" found)
      string(APPEND problems "${name}: a constant without GPU_CONSTEXPR: ${found}\n")
    endif()
  endforeach()
  string(REPLACE "\n" " " text "${text}")
  string(REGEX MATCHALL "[^(),{}=]*[A-Za-z0-9_>][*&][^&=]" declared "${text}")
  foreach(found ${declared})
    if(NOT found MATCHES "GPU_(GLOBAL|CONSTANT|SHARED|THREAD)")
      string(STRIP "${found}" found)
      string(APPEND problems "${name}: a pointer or reference without its memory: ${found}\n")
    endif()
  endforeach()
  set(problems "${problems}" PARENT_SCOPE)
endfunction()

if(REFUSED)
  check_text(${FILE})
  file(STRINGS ${FILE} first LIMIT_COUNT 1)
  string(REGEX REPLACE "^// refused: " "" reason "${first}")
  if(NOT problems MATCHES "${reason}")
    message(FATAL_ERROR "${FILE} should be refused because of \"${reason}\"; found: ${problems}")
  endif()
else()
  file(GLOB kernels ${SOURCES}/compute/gpu/kernels/*.h)
  list(FILTER kernels EXCLUDE REGEX "portable_(cuda|host|metal)\\.h$")
  foreach(file ${kernels})
    check_text(${file})
  endforeach()
  if(problems)
    message(FATAL_ERROR "kernels that Metal would refuse:\n${problems}")
  endif()
endif()
