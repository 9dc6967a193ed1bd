package buildtemplates

// Steps of a build, in their order. Those without anything to do are left out.
const (
	StepFetch = "fetch"
	StepTest  = "test"
	StepBuild = "build"
	StepBake  = "bake"
)

// Results of a build. The first two have the names that Tekton Chains looks for.
const (
	// ResultDigest is the image's digest, sha256:….
	ResultDigest = "IMAGE_DIGEST"
	// ResultURL is the image's repository, without tag and digest.
	ResultURL = "IMAGE_URL"
	// ResultCommit is what the source turned out to be: a commit, or the digest of what was fetched.
	ResultCommit = "COMMIT"
	// ResultCodeSHA256 is the digest of the built code as a zip, in base64 as the Lambda API gives it. Of images it is
	// the image's digest in that form.
	ResultCodeSHA256 = "CODE_SHA256"
	// ResultCodeSize is the size of that zip in bytes; 0 for images.
	ResultCodeSize = "CODE_SIZE"
	// ResultProtocol is what the container speaks: lambda, or http for an image that is to be run as it is.
	ResultProtocol = "PROTOCOL"
)

// Places in the YAML of config/tekton for the images that a release makes.
const (
	releaseBuilder = "release://builder"
	releaseRuntime = "release://runtime"
)

// Namespace is where the Tasks and the Pipeline are installed. PipelineRuns in other namespaces find them there by
// Tekton's cluster resolver.
const Namespace = "lambkin-system"

// PipelineName is the name of the Pipeline.
const PipelineName = "lambkin-build-deploy"

// Service accounts that PipelineRuns name. Neither has its token in any step that runs code of other people.
const (
	// BuildAccount has no rights.
	BuildAccount = "lambkin-build"
	// DeployAccount may change Knative Services and Functions in its namespace.
	DeployAccount = "lambkin-deploy"
)

// names of parameters.
const (
	paramImage        = "image"
	paramGitURL       = "git-url"
	paramGitRevision  = "git-revision"
	paramGitSecret    = "git-secret"
	paramArchiveURL   = "archive-url"
	paramArchiveSum   = "archive-sha256"
	paramUpload       = "upload"
	paramArtifact     = "artifact"
	paramPath         = "path"
	paramDockerfile   = "dockerfile"
	paramTest         = "test"
	paramEnv          = "env"
	paramHandler      = "handler"
	paramArchitecture = "architecture"
	paramLayers       = "layers"
	paramStore        = "store"
	paramBase         = "base-image"
	paramBuild        = "build-image"
	paramRuntime      = "runtime-image"
	paramRegistry     = "registry-secret"
	paramPlainHTTP    = "plain-http"
	paramCA           = "ca-configmap"
)

// names of the parameters of a deployment.
const (
	paramName      = "name"
	paramKind      = "kind"
	paramProtocol  = "protocol"
	paramVariables = "function-env"
	paramRuntimeID = "runtime"
	paramTasks     = "tasks-namespace"
)

// cache is the workspace for the caches of package managers.
const cache = "cache"

// Places in the pod of a build.
const (
	workspace    = "/workspace"
	sourceDir    = workspace + "/source"
	outputDir    = workspace + "/output"
	homeDir      = workspace + "/home"
	cacheDir     = "/cache"
	gitDir       = "/lambkin/git"      // the Git secret
	registryDir  = "/lambkin/registry" // the registry secret
	caDir        = "/lambkin/ca"       // the ConfigMap with certificate authorities
	tokenDir     = "/lambkin/token"    // the token that deploys
	builderPath  = "/lambkin/builder"  // our program in its image
	dockerConfig = ".dockerconfigjson" // the key of a Secret of type kubernetes.io/dockerconfigjson
	caKey        = "ca.crt"            // the key of the ConfigMap
)
