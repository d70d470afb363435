require 'json'
require 'socket'

SECRET = /password|uri|url/i

# What a MySQL server says first: its length, a number, the protocol's version, then its own up to a zero byte.
def greeting(host, port)
  Socket.tcp(host, port, connect_timeout: 5) do |socket|
    raise 'the server says nothing' unless socket.wait_readable(5)
    length = (socket.read(4) + "\0").unpack1('V') & 0xffffff
    socket.read(length)[1..].unpack1('Z*')
  end
rescue StandardError => e
  "#{e.class}: #{e.message}"
end

def service(bound)
  credentials = bound.fetch('credentials')
  shown = credentials.reject { |name, _| name.match?(SECRET) }
  answer = bound.slice('name', 'label', 'plan').merge('credentials' => shown)
  host, port = credentials.values_at('host', 'port')
  host && port ? answer.merge('greeting' => greeting(host, port)) : answer
end

run lambda { |_env|
  bound = JSON.parse(ENV.fetch('VCAP_SERVICES', '{}')).values.flatten
  [200, { 'content-type' => 'application/json' }, [JSON.generate(bound.map { |each| service(each) }), "\n"]]
}
