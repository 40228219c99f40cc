(comment) @comment

[
  (class name: (_) @name)
  (module name: (_) @name)
] @scope

(method name: (_) @name) @function
(singleton_method name: (_) @name) @function

; private def f, memoize def f, private memoize def f: the documentation stands before the call.
(call
  arguments: (argument_list . [(method) (singleton_method)] @hosted)) @host

(call
  arguments: (argument_list
    . (call arguments: (argument_list . [(method) (singleton_method)])) @hosted)) @host

(assignment right: [(method) (singleton_method)] @hosted) @host
