run lambda { |env|
  [200, { 'content-type' => 'text/plain' }, ["hello rack #{env['PATH_INFO']}\n"]]
}
