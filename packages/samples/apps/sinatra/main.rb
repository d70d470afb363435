require 'sinatra'

get '/' do
  content_type :text
  "hello sinatra\n"
end
