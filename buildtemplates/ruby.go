package buildtemplates

import (
	"strings"

	"github.com/lambkin-dev/lambkin/bootstrap"
)

// bundleScript installs the gems of Gemfile.lock below vendor/bundle, where the runtime looks for them.
const bundleScript = `if [ ! -f Gemfile ]; then
  echo "no Gemfile: nothing to install"
  exit 0
fi
export BUNDLE_PATH=vendor/bundle BUNDLE_WITHOUT=development:test BUNDLE_GLOBAL_GEM_CACHE=true
export BUNDLE_APP_CONFIG="$HOME/.bundle" BUNDLE_IGNORE_MESSAGES=true BUNDLE_CLEAN=true
if [ -f Gemfile.lock ]; then
  export BUNDLE_FROZEN=true
else
  echo "WARNING: there is no Gemfile.lock, so the same source may give other versions the next time: run 'bundle lock' and commit it" >&2
fi
echo "bundle install"
bundle install --jobs 4 --retry 2
rm -rf vendor/bundle/ruby/*/cache vendor/bundle/ruby/*/build_info
find vendor/bundle -name gem_make.out -o -name mkmf.log -o -name Makefile -path '*/ext/*' | xargs rm -f
`

// ruby are functions in Ruby. Our client needs Ruby 3.1; AWS began with 3.2.
func ruby() family {
	return family{
		name: string(bootstrap.Ruby), newest: "ruby3.4", recipe: recipe{script: bundleScript, caches: map[string]string{"BUNDLE_USER_HOME": "bundle"}},
		images: func(r bootstrap.Runtime) images {
			if strings.HasPrefix(r.Version, "2.") {
				return images{} // code for 2 rarely runs on 3: keyword arguments
			}
			return dockerOfficial("ruby", r, "3.2")
		},
	}
}
