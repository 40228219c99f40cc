// What the JDK says of the methods of Java files: paths on standard input, JSON lines on standard output.
//
//     java --add-modules jdk.compiler benchmarks/oracles/JavaDocTrees.java < paths
//
// A function is a method or a constructor with a body; its documentation is DocTrees.getDocComment's text. Files are
// only parsed, one compiler task each, so nothing need be on the class path.

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.SourcePositions;
import com.sun.source.util.TreePathScanner;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

public class JavaDocTrees {
    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        var paths = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String path; (path = paths.readLine()) != null; ) {
            String text;
            try {
                var bytes = ByteBuffer.wrap(Files.readAllBytes(Path.of(path)));
                text = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            } catch (CharacterCodingException error) {
                OUT.println("{\"path\":" + quoted(path) + ",\"error\":\"not UTF-8\"}");
                continue;
            }
            read(path, text);
        }
        OUT.flush();
    }

    private static void read(String path, String text) throws Exception {
        var diagnostics = new DiagnosticCollector<JavaFileObject>();
        var file = new SimpleJavaFileObject(URI.create("string:///Source.java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return text;
            }
        };
        var task = (JavacTask) COMPILER.getTask(null, null, diagnostics, List.of("-proc:none"), null, List.of(file));
        CompilationUnitTree unit = task.parse().iterator().next();
        for (var diagnostic : diagnostics.getDiagnostics()) {
            if (diagnostic.getKind() == Diagnostic.Kind.ERROR) {
                OUT.println("{\"path\":" + quoted(path) + ",\"error\":" + quoted(diagnostic.getMessage(null)) + "}");
                return;
            }
        }
        OUT.println("{\"path\":" + quoted(path) + "}");
        new Methods(path, text, unit, DocTrees.instance(task)).scan(unit, null);
    }

    private static class Methods extends TreePathScanner<Void, Void> {
        private final String path;
        private final String text;
        private final CompilationUnitTree unit;
        private final DocTrees trees;
        private int chars = 0;
        private int bytes = 0;

        Methods(String path, String text, CompilationUnitTree unit, DocTrees trees) {
            this.path = path;
            this.text = text;
            this.unit = unit;
            this.trees = trees;
        }

        @Override
        public Void visitMethod(MethodTree method, Void unused) {
            SourcePositions positions = trees.getSourcePositions();
            if (method.getBody() != null) {
                long start = positions.getStartPosition(unit, method.getBody());
                long end = positions.getEndPosition(unit, method.getBody());
                String doc = trees.getDocComment(getCurrentPath());
                boolean isEmpty = doc == null || doc.isBlank();
                String name = method.getName().toString();
                OUT.println(
                    "{\"path\":" + quoted(path) + ",\"name\":" + quoted(name.equals("<init>") ? "" : name)
                        + ",\"start\":" + byteOffset((int) start) + ",\"end\":" + byteOffset((int) end)
                        + ",\"doc\":" + (isEmpty ? "null" : quoted(doc)) + "}");
            }
            return super.visitMethod(method, unused);
        }

        private int byteOffset(int position) {
            if (position < chars) {
                chars = 0;
                bytes = 0;
            }
            bytes += text.substring(chars, position).getBytes(StandardCharsets.UTF_8).length;
            chars = position;
            return bytes;
        }
    }

    private static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char unit : text.toCharArray()) {
            switch (unit) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\n' -> out.append("\\n");
                default -> out.append(unit < ' ' ? String.format("\\u%04x", (int) unit) : String.valueOf(unit));
            }
        }
        return out.append('"').toString();
    }
}
