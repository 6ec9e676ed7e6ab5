# What sidekiq.js starts: a job that does nothing.
require 'sidekiq'

class BenchJob
  include Sidekiq::Worker
  def perform(_payload); end
end
