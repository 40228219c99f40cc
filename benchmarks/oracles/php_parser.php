<?php
// What nikic/php-parser says of the functions of PHP files: paths on standard input, JSON lines on standard output.
// Needs the package on PHP's include path (Debian: php-parser).
//
// A function is a function or a method with a body; its documentation is the raw text of getDocComment().

require_once 'PhpParser/autoload.php';

use PhpParser\Error;
use PhpParser\Lexer\Emulative;
use PhpParser\Node;
use PhpParser\NodeFinder;
use PhpParser\ParserFactory;

$flags = JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE;
$lexer = new Emulative(['usedAttributes' => ['comments', 'startFilePos', 'endFilePos']]);
$parser = (new ParserFactory())->create(ParserFactory::PREFER_PHP7, $lexer);
$isFunction = fn (Node $node): bool =>
    ($node instanceof Node\Stmt\Function_ || $node instanceof Node\Stmt\ClassMethod) && $node->stmts !== null;

while (($line = fgets(STDIN)) !== false) {
    $path = rtrim($line, "\n");
    try {
        $tree = $parser->parse(file_get_contents($path));
    } catch (Error $error) {
        echo json_encode(['path' => $path, 'error' => $error->getMessage()], $flags), "\n";
        continue;
    }
    echo json_encode(['path' => $path], $flags), "\n";
    foreach ((new NodeFinder())->find($tree, $isFunction) as $node) {
        $raw = $node->getDocComment()?->getText();
        $isEmpty = $raw === null || trim(substr($raw, 3, -2), "* \t\r\n") === '';
        echo json_encode([
            'path' => $path,
            'name' => $node->name->toString(),
            'start' => $node->getStartFilePos(),
            'end' => $node->getEndFilePos() + 1,
            'raw' => $isEmpty ? null : $raw,
        ], $flags), "\n";
    }
}
