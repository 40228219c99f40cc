# What ripper says of the methods of Ruby files: paths on standard input, one JSON line a method on standard output.
#
# A method is documented by the comments on the lines directly above its `def`, or above the statement that begins on
# the same line as the `def` (`private def`, `memoize def`), no blank line between: RDoc's rule without the blank lines
# that RDoc lets pass. A comment counts when nothing but white space stands before it on its line. Magic comments,
# RDoc's directives (`:nodoc:`) and RuboCop's, and bars of nothing but marks are no text.

require "json"
require "ripper"

class Methods < Ripper::SexpBuilder
  attr_reader :found

  def initialize(source)
    super
    @found = []
  end

  def on_def(name, parameters, body)
    @found.push(name[1..])
    super
  end

  def on_defs(target, dot, name, parameters, body)
    @found.push(name[1..])
    super
  end
end

MAGIC = /\A#\s*(-\*-.*-\*-|(frozen[_-]string[_-]literal|(en)?coding|warn[_-]indent|shareable[_-]constant[_-]value|typed)\s*[:=].*)\s*\z/i
DIRECTIVE = /\A#\s*(:(nodoc|doc|startdoc|stopdoc|yields?|args?|call-seq|notnew|not-new|enddoc|include|title|main|category|section|markup)(:.*)?:?.*|rubocop:.*|steep:.*|standard:.*|simplecov:.*)\z/

# Comment text by the line on which each comment begins and ends.
def comments(tokens)
  first = {}
  tokens.each { |(line, column), kind, text, _| first[line] ||= [column, kind] unless kind == :on_sp }
  found = {}
  block = nil
  tokens.each do |(line, column), kind, text, _|
    case kind
    when :on_comment
      found[line] = [line, :line, text.chomp] if first[line] == [column, kind]
    when :on_embdoc_beg
      block = [line, text.sub(/\A=begin/, "")]
    when :on_embdoc
      block[1] << text
    when :on_embdoc_end
      found[line] = [block[0], :block, block[1]]
      block = nil
    end
  end
  found
end

def documentation(found, line)
  group = []
  while (comment = found[line - 1])
    group.unshift(comment)
    line = comment[0]
  end
  texts = group.map do |_, kind, text|
    if kind == :block
      text.lines.map(&:rstrip).join("\n")
    elsif text.match?(MAGIC) || text.match?(DIRECTIVE)
      nil
    else
      text.sub(/\A#+/, "")
    end
  end
  texts = texts.compact
  return nil if texts.all? { |text| text.strip.empty? }
  texts.join("\n")
end

$stdin.each_line(chomp: true) do |path|
  source = File.read(path, encoding: "UTF-8")
  methods = Methods.new(source)
  methods.parse if source.valid_encoding?
  if !source.valid_encoding? || methods.error?
    puts JSON.generate(path: path, error: "ripper cannot parse it")
    next
  end
  puts JSON.generate(path: path)
  found = comments(Ripper.lex(source))
  methods.found.each do |name, (line, _)|
    puts JSON.generate(path: path, name: name, start_line: line, doc: documentation(found, line))
  end
end
