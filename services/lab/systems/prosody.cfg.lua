-- Prosody as the user who measures: three people, an administrator, an archive. ROOT and PORT come by the environment.
run_as_root = true -- if that is who measures
data_path = ENV_ROOT .. "/state"
pidfile = ENV_ROOT .. "/prosody.pid"
certificates = ENV_ROOT .. "/server/key"
interfaces = { "127.0.0.1" }
c2s_ports = { tonumber(ENV_PORT) }
modules_enabled = { "roster", "saslauth", "tls", "disco", "carbons", "pep", "mam", "smacks", "admin_adhoc" }
modules_disabled = { "s2s" }
authentication = "internal_hashed"
default_archive_policy = true
log = { info = ENV_ROOT .. "/log/prosody.log" } -- as Debian's logs
admins = { "root@localhost" }
VirtualHost "localhost"
  ssl = { key = ENV_ROOT .. "/server/key/key.pem", certificate = ENV_ROOT .. "/server/key/certificate.pem" }
