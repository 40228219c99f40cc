// What TypeScript's parser says of the functions of JavaScript and TypeScript files: paths on standard input, JSON lines
// on standard output. Needs the package `typescript` (5.x) where NODE_PATH leads.
//
// A function is a node with a body. Its documentation is the nearest comment of `ts.getJSDocCommentsAndTags`, which hands
// the comment of a statement to each of its declarators; here it is the first one's.

const fs = require("fs");
const readline = require("readline");
const ts = require("typescript");

const KINDS = new Set([
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.FunctionExpression,
  ts.SyntaxKind.ArrowFunction,
  ts.SyntaxKind.MethodDeclaration,
  ts.SyntaxKind.Constructor,
  ts.SyntaxKind.GetAccessor,
  ts.SyntaxKind.SetAccessor,
]);

function byteOffsets(text) {
  if (Buffer.byteLength(text) === text.length) return (position) => position;
  const offsets = new Uint32Array(text.length + 1);
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    offsets[i] = bytes;
    const unit = text.charCodeAt(i);
    const isPair = unit >= 0xd800 && unit < 0xdc00;
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : isPair ? 4 : unit >= 0xdc00 && unit < 0xe000 ? 0 : 3;
  }
  offsets[text.length] = bytes;
  return (position) => offsets[position];
}

function isOfAnotherDeclarator(comment, node) {
  const statement = comment.parent;
  if (!ts.isVariableStatement(statement)) return false;
  const first = statement.declarationList.declarations[0];
  return node.pos < first.pos || node.end > first.end;
}

function documentation(node) {
  const found = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const own = found.filter((comment) => !isOfAnotherDeclarator(comment, node));
  return own.length ? own[0].getText() : null;
}

function isEmpty(raw) {
  return raw.replace(/^\/\*\*|\*\/$/g, "").replace(/[*\s]/g, "") === "";
}

function visit(path, source, offset, node) {
  if (KINDS.has(node.kind) && node.body) {
    const raw = documentation(node);
    const record = { path, name: node.name ? node.name.getText(source) : "" };
    record.start = offset(node.body.getStart(source));
    record.end = offset(node.body.end);
    record.raw = raw === null || isEmpty(raw) ? null : raw;
    console.log(JSON.stringify(record));
  }
  ts.forEachChild(node, (child) => visit(path, source, offset, child));
}

readline.createInterface({ input: process.stdin }).on("line", (path) => {
  const text = fs.readFileSync(path, "utf8");
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  if (source.parseDiagnostics.length) {
    const error = ts.flattenDiagnosticMessageText(source.parseDiagnostics[0].messageText, " ");
    console.log(JSON.stringify({ path, error }));
    return;
  }
  console.log(JSON.stringify({ path }));
  visit(path, source, byteOffsets(text), source);
});
