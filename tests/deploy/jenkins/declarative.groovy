// A stand-in for declarative pipeline: runs the closures of a Jenkinsfile in order, and records its steps.
// Arguments: the repository, then for each build `CANDIDATE:WATCH`, the parameter and how the watch ends.
import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilerConfiguration

class Skipped extends RuntimeException { }

// `env` of a build: like Jenkins', it holds texts.
class Variables {
    Map values
    def getProperty(String name) { values[name] }
    void setProperty(String name, value) { values[name] = value.toString() }
}

abstract class Pipeline extends Script {
    def inside(Closure body) { body.delegate = this; body() }
    def pipeline(Closure body) { inside(body) }
    def stages(Closure body) { inside(body) }
    def stage(String name, Closure body) {
        recorded << "stage $name".toString()
        try { inside(body) } catch (Skipped ignored) { recorded << 'skipped' }
    }
    def agent(String none) { }
    def agent(Closure body) { inside(body) }
    def kubernetes(Closure body) { inside(body) }
    def yaml(String pod) {
        assert !pod.contains('$')
        recorded << "pod ${(pod =~ /serviceAccountName: (\S+)/)[0][1]}".toString()
    }
    String readTrusted(String path) { new File(repository, path).text }
    def environment(Closure body) {
        body.delegate = env
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
    }
    def environment(Map wanted) { if (env."$wanted.name" != wanted.value) throw new Skipped() }
    def when(Closure body) { inside(body) }
    def beforeAgent(boolean first) { assert first }
    def expression(Closure body) { if (!body()) throw new Skipped() }
    def steps(Closure body) { inside(body) }
    def script(Closure body) { inside(body) }
    def post(Closure body) { inside(body) }
    def always(Closure body) { inside(body) }
    def container(Map which, Closure body) { inside(body) }
    def withCredentials(List which, Closure body) { inside(body) }
    def usernamePassword(Map which) { which }
    def options(Closure body) { }
    def parameters(Closure body) { }
    def string(Map parameter) { parameter }
    def archiveArtifacts(which) { }
    def input(Map question) {
        recorded << "input $question.message".toString()
        [(question.submitterParameter): 'alice', COMMENT: 'ticket 12']
    }
    def error(String problem) { throw new IllegalStateException(problem) }
    def sh(String text) { sh(script: text) }
    def sh(Map arguments) {
        recorded << "sh ${arguments.script.trim().replaceAll(/\s*\\?\n\s*/, ' ')}".toString()
        if (arguments.returnStatus) return watch as int
        if (arguments.returnStdout) return arguments.script.contains('job.log') ? '12\n' : 'a@sha256:b\n'
    }
}

def builds = args.drop(1).collectEntries { build ->
    def (candidate, watch) = build.split(':')
    def values = [BUILD_NUMBER: '7', FRAUD_REGISTRY: 'contoso.azurecr.io']
    def env = new Variables(values: values)
    def recorded = []
    def known = [repository: args[0], watch: watch, recorded: recorded, none: 'none']
    def binding = new Binding(known + [env: env, params: [CANDIDATE: candidate]])
    def shell = new GroovyShell(getClass().classLoader, binding, new CompilerConfiguration(scriptBaseClass: 'Pipeline'))
    try {
        shell.evaluate(new File(args[0], 'Jenkinsfile'))
    } catch (IllegalStateException problem) {
        recorded << "error $problem.message".toString()
    }
    [build, [steps: recorded, env: values]]
}
println JsonOutput.toJson(builds)
