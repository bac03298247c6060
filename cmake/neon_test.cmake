# Holds NEON against the plain reference on an x86 machine: the op test, cross-compiled and run under qemu.
include(ExternalProject)

find_program(AARCH64_CXX aarch64-linux-gnu-g++)
find_program(QEMU_AARCH64 qemu-aarch64)
find_path(SACCADE_GOOGLETEST googlemock/CMakeLists.txt PATHS /usr/src/googletest NO_DEFAULT_PATH)
find_path(SACCADE_HOST_INCLUDE fmt/format.h)
mark_as_advanced(AARCH64_CXX QEMU_AARCH64 SACCADE_GOOGLETEST SACCADE_HOST_INCLUDE)

if(AARCH64_CXX AND QEMU_AARCH64 AND SACCADE_GOOGLETEST AND SACCADE_HOST_INCLUDE)
  set(neon_build ${PROJECT_BINARY_DIR}/aarch64)
  ExternalProject_Add(neon_op_test
    SOURCE_DIR ${PROJECT_SOURCE_DIR}/cmake/aarch64
    BINARY_DIR ${neon_build}
    CMAKE_ARGS
      -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/aarch64/toolchain.cmake
      -DCMAKE_BUILD_TYPE=Release
      -DSACCADE_GOOGLETEST=${SACCADE_GOOGLETEST}
      -DSACCADE_HOST_INCLUDE=${SACCADE_HOST_INCLUDE}
    BUILD_COMMAND ${CMAKE_COMMAND} --build <BINARY_DIR> --target op_test
    BUILD_ALWAYS ON
    INSTALL_COMMAND "")
  add_test(NAME neon_op_test COMMAND ${QEMU_AARCH64} -cpu max ${neon_build}/tests/op_test --gtest_brief=1)
  # Every set that is built must also run there, or it would go untested without a word.
  set_tests_properties(neon_op_test PROPERTIES TIMEOUT 1800
    ENVIRONMENT "SACCADE_TEST_ISAS=neon_i8mm,neon_dotprod,neon,scalar")
else()
  # A test that CTest lists as skipped, so that nobody takes silence for success.
  add_test(NAME neon_op_test COMMAND ${CMAKE_COMMAND} -E echo
    "skipped: it needs g++-aarch64-linux-gnu, qemu-user and libgtest-dev (tools/packages.sh test)")
  set_tests_properties(neon_op_test PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped:")
endif()
