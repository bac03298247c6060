# embed_files(<target> <directory> HEADER <header> NAMESPACE <namespace> FUNCTION <function> TYPE <type>)
#
# Puts all files of a directory into a target as bytes: a generated source that defines FUNCTION of HEADER, which gives
# a span of TYPE {path, content_type, digest, bytes}, by path. It is made again when a file changes, comes or goes.
# Needs CMake alone. Headers (.h) of the directory are left out.
#
# The same file does the work at build time: cmake -DDIRECTORY=... -DOUTPUT=... -P embed_files.cmake
function(embed_files target directory)
  cmake_parse_arguments(ARG "" "HEADER;NAMESPACE;FUNCTION;TYPE" "" ${ARGN})
  get_filename_component(directory ${directory} ABSOLUTE)
  file(GLOB files CONFIGURE_DEPENDS ${directory}/*)
  list(FILTER files EXCLUDE REGEX "\\.h$")
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${ARG_FUNCTION}.cc)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_FILE})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DDIRECTORY=${directory} -DOUTPUT=${output} -DHEADER=${ARG_HEADER}
      -DNAMESPACE=${ARG_NAMESPACE} -DFUNCTION=${ARG_FUNCTION} -DTYPE=${ARG_TYPE} -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "Embedding ${directory}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

# What browsers are told of a file. One whose ending is not known stops the build: with `nosniff` it would not be used.
function(content_type file result)
  set(html "text/html; charset=utf-8")
  set(css "text/css; charset=utf-8")
  set(js "text/javascript; charset=utf-8")
  set(svg "image/svg+xml")
  get_filename_component(ending ${file} LAST_EXT)
  string(SUBSTRING "${ending}" 1 -1 ending)
  if(NOT ending MATCHES "^(html|css|js|svg)$")
    message(FATAL_ERROR "embed_files: no content type is known for ${file}; add one")
  endif()
  set(${result} "${${ending}}" PARENT_SCOPE)
endfunction()

function(write_embedded_files)
  file(GLOB files ${DIRECTORY}/*)
  list(FILTER files EXCLUDE REGEX "\\.h$")
  list(SORT files)
  set(arrays "")
  set(rows "")
  set(number 0)
  foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    content_type(${file} type)
    file(SHA256 ${file} digest)
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(APPEND arrays "// ${name}\nconstexpr unsigned char kBytes${number}[] = {${bytes}};\n")
    string(APPEND rows "    {\"${name}\", \"${type}\", \"${digest}\", kBytes${number}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  file(WRITE ${OUTPUT} "// Made by cmake/embed_files.cmake.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n"
    "namespace {\n\n${arrays}\nconstexpr ${TYPE} kFiles[] = {\n${rows}};\n\n}  // namespace\n\n"
    "std::span<const ${TYPE}> ${FUNCTION}() { return kFiles; }\n\n}  // namespace ${NAMESPACE}\n")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  write_embedded_files()
endif()
