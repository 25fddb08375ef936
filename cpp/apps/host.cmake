# consent-worker, the process of a compute host that talks to guests.
if(CONSENT_LIBVIRT)
  find_package(Boost 1.74 REQUIRED COMPONENTS program_options)

  add_executable(consent-worker consent_worker/main.cpp consent_worker/confine.cpp)
  target_compile_definitions(consent-worker PRIVATE CONSENT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(consent-worker PRIVATE consent_libvirt Boost::program_options)

  install(TARGETS consent-worker RUNTIME DESTINATION bin)
endif()
