package buildtemplates

import (
	"github.com/lambkin-dev/lambkin/bootstrap"
)

// npmScript installs what the lock file names. A build script of package.json runs with the development dependencies,
// which do not stay. The package manager is the one whose lock file is there.
const npmScript = `if [ ! -f package.json ]; then
  echo "no package.json: nothing to install"
  exit 0
fi
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
manager=npm
if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then
  install="npm ci" production="--omit=dev"
elif [ -f yarn.lock ]; then
  manager=yarn install="yarn install --frozen-lockfile" production="--production"
elif [ -f pnpm-lock.yaml ]; then
  manager=pnpm install="pnpm install --frozen-lockfile --config.node-linker=hoisted" production="--prod"
else
  echo "WARNING: there is no package-lock.json, so the same source may give other versions the next time: run 'npm install' and commit it" >&2
  install="npm install --no-package-lock" production="--omit=dev"
fi
if ! command -v "$manager" >/dev/null; then
  fail "the lock file is one of $manager, which the build image does not have: name another build image for runtime $RUNTIME"
fi
if node -e 'process.exit(require("./package.json").scripts?.build ? 0 : 1)'; then
  echo "$install"
  $install
  echo "$manager run build"
  $manager run build
  echo "once more, without what only the build needs:"
fi
echo "$install $production"
$install $production
rm -rf node_modules/.cache
`

// nodejs are functions in JavaScript and TypeScript. Our client needs Node.js 18.
func nodejs() family {
	return family{
		name: string(bootstrap.Node), newest: "nodejs24.x",
		recipe: recipe{
			script: npmScript,
			caches: map[string]string{"npm_config_cache": "npm", "YARN_CACHE_FOLDER": "yarn", "npm_config_store_dir": "pnpm"},
		},
		images: func(r bootstrap.Runtime) images {
			return dockerOfficial("node", r, "18")
		},
	}
}
