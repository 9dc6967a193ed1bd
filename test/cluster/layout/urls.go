package layout

// Where pods find what outside a cluster would come from the internet. One process of the node serves all of it; each
// Service of kube-system leads to it and says with its name what is meant.
const (
	// GoProxyURL is a Go module proxy with the modules of this machine's module cache.
	GoProxyURL = "http://goproxy.kube-system.svc.cluster.local"
	// GitURL is where the bare repositories of the state folder's git/ are: GitURL/NAME.git, to read and to push.
	GitURL = "http://git.kube-system.svc.cluster.local"
	// NPMURL is an npm registry of a few small packages.
	NPMURL = "http://npm.kube-system.svc.cluster.local"
	// PipURL is a Python package index of a few small packages.
	PipURL = "http://pip.kube-system.svc.cluster.local/simple/"
	// GemURL is a Ruby gem server of a few small gems.
	GemURL = "http://gem.kube-system.svc.cluster.local"
)
