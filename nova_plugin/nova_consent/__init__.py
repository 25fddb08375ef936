"""The Nova part of nova-consent: a libvirt driver and a scheduler filter that ask before a live
migration.

conf      the [consent] options of nova.conf
settings  what is in force on this host now: nova.conf, overridden by the host's file
facts     what the gate reads of Nova's database, through the conductor
offload   how a blocking call waits without stopping nova-compute
gate      runs a round and makes of its verdict a refusal or nothing
record    the log line of a round
driver    ConsentLibvirtDriver: where Nova's live migration meets the gate
filters   ConsentFilter: the scheduler's advice
cmd       consent-nova-compute

Arrows: driver -> gate -> settings, facts, offload, record; all of them -> consent_core. Only
    driver, facts, gate,
offload, filters and cmd import Nova. Nothing here imports eventlet: Nova decides whether there is
one.
"""
