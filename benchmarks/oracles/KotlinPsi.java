import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jetbrains.kotlin.cli.FrontendConfigurationKeysKt;
import org.jetbrains.kotlin.cli.jvm.compiler.EnvironmentConfigFiles;
import org.jetbrains.kotlin.cli.jvm.compiler.KotlinCoreEnvironment;
import org.jetbrains.kotlin.com.intellij.openapi.util.Disposer;
import org.jetbrains.kotlin.com.intellij.psi.PsiElement;
import org.jetbrains.kotlin.com.intellij.psi.PsiErrorElement;
import org.jetbrains.kotlin.compiler.plugin.CompilerPluginRegistrar;
import org.jetbrains.kotlin.config.CompilerConfiguration;
import org.jetbrains.kotlin.psi.KtFunction;
import org.jetbrains.kotlin.psi.KtNamedFunction;
import org.jetbrains.kotlin.psi.KtPsiFactory;
import org.jetbrains.kotlin.psi.KtSecondaryConstructor;

/**
 * What the Kotlin compiler's PSI says of the functions of Kotlin files: paths on standard input, JSON lines on standard
 * output. The compiler is in the wheel kotlin-jupyter-kernel. A function is a named one or a secondary constructor, with a
 * body; its documentation is its KDoc.
 */
class KotlinPsi {
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        var configuration = new CompilerConfiguration();
        FrontendConfigurationKeysKt.setExtensionsStorage(configuration, new CompilerPluginRegistrar.ExtensionStorage());
        var environment = KotlinCoreEnvironment.createForProduction(
            Disposer.newDisposable(), configuration, EnvironmentConfigFiles.JVM_CONFIG_FILES);
        var factory = new KtPsiFactory(environment.getProject(), false);
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String path; (path = input.readLine()) != null; ) {
            var text = new String(Files.readAllBytes(Path.of(path)), StandardCharsets.UTF_8).replace("\r\n", "\n");
            var file = factory.createFile(text);
            if (hasError(file)) {
                OUT.printf("{\"path\": %s, \"error\": \"a syntax error\"}%n", quoted(path));
            } else {
                OUT.printf("{\"path\": %s}%n", quoted(path));
                visit(file, path, text);
            }
        }
        OUT.flush();
    }

    private static boolean hasError(PsiElement element) {
        if (element instanceof PsiErrorElement) {
            return true;
        }
        for (var child = element.getFirstChild(); child != null; child = child.getNextSibling()) {
            if (hasError(child)) {
                return true;
            }
        }
        return false;
    }

    private static void visit(PsiElement element, String path, String text) {
        if (element instanceof KtNamedFunction function && function.hasBody() && function.getName() != null) {
            say(function, function.getNameIdentifier(), function.getName(), path, text);
        } else if (element instanceof KtSecondaryConstructor constructor && constructor.hasBody()) {
            say(constructor, constructor.getConstructorKeyword(), "constructor", path, text);
        }
        for (var child = element.getFirstChild(); child != null; child = child.getNextSibling()) {
            visit(child, path, text);
        }
    }

    private static void say(KtFunction function, PsiElement at, String name, String path, String text) {
        var line = 1 + text.substring(0, at.getTextRange().getStartOffset()).chars().filter(c -> c == '\n').count();
        var comment = function.getDocComment();
        OUT.printf(
            "{\"path\": %s, \"name\": %s, \"name_line\": %d, \"raw\": %s}%n",
            quoted(path), quoted(name), line, comment == null ? "null" : quoted(comment.getText()));
    }

    private static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
