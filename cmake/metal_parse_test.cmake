# Checks that the shared GPU kernels keep to what the Metal Shading Language accepts, as far as clang can tell
# without Apple's compiler: C++14 with an address space for each kind of memory, and the rules of
# metal_parse_check.cmake. tests/compute/gpu/refused/ holds sources that break one rule each: the check must
# refuse them.
find_program(SACCADE_PARSE_CLANG NAMES clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14 clang++)
mark_as_advanced(SACCADE_PARSE_CLANG)

function(saccade_metal_parse_test name file)
  if(SACCADE_PARSE_CLANG)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -D CLANG=${SACCADE_PARSE_CLANG} -D SOURCES=${PROJECT_SOURCE_DIR}/src
             -D FILE=${file} ${ARGN} -P ${PROJECT_SOURCE_DIR}/cmake/metal_parse_check.cmake)
  else()
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: it needs clang (tools/packages.sh test)")
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped:")
  endif()
endfunction()

saccade_metal_parse_test(metal_parse_test ${PROJECT_SOURCE_DIR}/tests/compute/gpu/metal_parse.cc)
file(GLOB refused CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/compute/gpu/refused/*.cc)
foreach(file ${refused})
  get_filename_component(rule ${file} NAME_WE)
  saccade_metal_parse_test(metal_parse_test.refuses_${rule} ${file} -D REFUSED=ON)
endforeach()
