# The programs of a compute host: consent-worker and consentctl.
if(CONSENT_LIBVIRT)
  find_package(Boost 1.74 REQUIRED COMPONENTS program_options)

  add_executable(consent-worker consent_worker/main.cpp consent_worker/confine.cpp)
  target_compile_definitions(consent-worker PRIVATE CONSENT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(consent-worker PRIVATE consent_libvirt Boost::program_options)

  find_package(nlohmann_json 3.9 REQUIRED)
  add_executable(consentctl consentctl/main.cpp consentctl/ask.cpp consentctl/report.cpp)
  target_compile_definitions(consentctl PRIVATE CONSENT_VERSION="${PROJECT_VERSION}")
  target_link_libraries(consentctl PRIVATE consent_runner consent_worker_client consent_protocol Boost::program_options
                                           nlohmann_json::nlohmann_json)

  install(TARGETS consent-worker consentctl RUNTIME DESTINATION bin)
endif()
