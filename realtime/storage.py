"""Static files as they are served with DEBUG off."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names with a hash, in the scripts' own imports too: after a deployment no page mixes old and new ones."""

    support_js_module_import_aggregation = True
