# To be sourced (". scripts/clean-env.sh"): keeps the machine's environment, drops all the rest.
# What is named here stays; so neither an exported DATABASE_URL nor a setting that does not exist yet can reach
# the tests or the demo. ENV_FILE is made empty: .env is not read either.
# shellcheck shell=sh

for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $name in
        PATH | HOME | USER | LOGNAME | SHELL | TERM | COLUMNS | LANG | LANGUAGE | LC_* | TMPDIR | LD_LIBRARY_PATH) ;;
        CI | NO_COLOR | FORCE_COLOR | PYTEST_ADDOPTS | REQUIRE_BROWSER | CHROMIUM) ;;
        PWD | OLDPWD | SHLVL | _ | SHELLOPTS | BASHOPTS) ;; # the shell's own
        *) unset "$name" ;;
    esac
done
ENV_FILE=""
export ENV_FILE
