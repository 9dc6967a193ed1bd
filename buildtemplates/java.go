package buildtemplates

import (
	"github.com/lambkin-dev/lambkin/bootstrap"
)

// javaScript makes what Lambda wants of a Java function: its classes at the top and the jars it needs in lib. Gradle has no
// command that gives these, so a script of ours adds one to the build.
const javaScript = `mkdir -p "$OUTPUT/lib"
if [ -f pom.xml ]; then
  maven=mvn
  if [ -f mvnw ]; then
    maven="sh ./mvnw"
  elif ! command -v mvn >/dev/null; then
    fail "there is a pom.xml, and neither ./mvnw nor Maven in the build image: commit the wrapper ('mvn wrapper:wrapper')"
  fi
  $maven -B -ntp -Dmaven.repo.local="$MAVEN_USER_HOME/repository" -DskipTests -Dproject.build.outputTimestamp=1980-01-01T00:00:02Z package \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$OUTPUT/lib"
  cp -R target/classes/. "$OUTPUT/"
elif [ -f build.gradle ] || [ -f build.gradle.kts ]; then
  gradle=gradle
  if [ -f gradlew ]; then
    gradle="sh ./gradlew"
  elif ! command -v gradle >/dev/null; then
    fail "this is a Gradle build, and there is neither ./gradlew nor Gradle in the build image: commit the wrapper ('gradle wrapper')"
  fi
  cat >"$TMPDIR/lambkin.gradle" <<'END'
rootProject {
  afterEvaluate {
    tasks.register('lambkinPackage', Copy) {
      into System.getenv('OUTPUT')
      from sourceSets.main.output
      into('lib') { from configurations.runtimeClasspath }
    }
  }
}
END
  $gradle --no-daemon --console=plain --init-script "$TMPDIR/lambkin.gradle" lambkinPackage
else
  fail "there is neither a pom.xml nor a build.gradle in this folder: set the source's path"
fi
ls "$OUTPUT"
`

// java are functions in Java and its relatives. The client is AWS's, in AWS's base images.
func java() family {
	return family{
		name: string(bootstrap.Java), newest: "java25",
		recipe: recipe{
			script: javaScript, elsewhere: true, cross: true,
			caches: map[string]string{"MAVEN_USER_HOME": "maven", "GRADLE_USER_HOME": "gradle"},
		},
		images: func(r bootstrap.Runtime) images {
			tag := r.Version
			if tag == "8" {
				tag = "8.al2"
			}
			return images{
				base:  "public.ecr.aws/lambda/java:" + tag,
				build: "docker.io/library/maven:3-eclipse-temurin-" + r.Version,
			}
		},
	}
}
