# The CUDA toolkit, where it is wanted and there: SACCADE_CUDA is ON, OFF or AUTO.
include(CheckLanguage)

set(SACCADE_CUDA AUTO CACHE STRING "Build the backend for NVIDIA GPUs: ON, OFF or AUTO (where there is a CUDA toolkit)")
set_property(CACHE SACCADE_CUDA PROPERTY STRINGS AUTO ON OFF)
set(SACCADE_HAVE_CUDA OFF)
if(NOT SACCADE_CUDA STREQUAL "OFF")
  # The toolkit installs itself beside the PATH.
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    find_package(CUDAToolkit QUIET)
  endif()
  if(CMAKE_CUDA_COMPILER AND CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.3)
    # 8.0 and, through its PTX, what came after it; 9.0 with its own matrix instructions.
    set(CMAKE_CUDA_ARCHITECTURES "80;90a-real" CACHE STRING "Compute capabilities to build for")
    enable_language(CUDA)
    # CMake 3.25 does not know that CUDA 13 speaks C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA_STANDARD 20)
    set(SACCADE_HAVE_CUDA ON)
  elseif(SACCADE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SACCADE_CUDA is ON, but no CUDA toolkit of 12.3 or later is found; set CUDACXX to its nvcc")
  endif()
endif()
message(STATUS "CUDA backend: ${SACCADE_HAVE_CUDA}")
