# Language level, warnings, sanitizers and ccache, for every target of the project.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

set(SACCADE_SANITIZE "" CACHE STRING "Sanitizers to build with, for example address,undefined")

# Designated initializers leave out members on purpose.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wnon-virtual-dtor;-Wno-missing-field-initializers>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 finds overlapping copies inside std::string's operator+ where there are none (GCC bug 105651).
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
# Contracting a*b+c into one rounding would make results depend on the compiler; where a fused
# multiply-add is wanted it is written as one (DESIGN, decision 6).
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)
if(SACCADE_SANITIZE)
  add_compile_options(-fsanitize=${SACCADE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SACCADE_SANITIZE})
endif()

if(SACCADE_FUZZ)
  # Coverage counters for libFuzzer in every library; its main() only in the fuzz targets.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
