"""The phrases of error messages that clients depend on.

They are the quoted texts of the specification of the API. What stands in for a name
or a number is part of the phrase, so that the wrong name is a difference too.
"""

import html
import re

_UUID = r"[\w{}:-]+"
_PHRASES = [
    r"The method \S+ is not allowed for this resource\.",
    r"content-type header required when content-length > 0",
    r"invalid version string: [^\s;]*",
    r"Unacceptable version header: \S+",
    r"Only application/json is provided",
    r"The media type .*? is not supported, use application/json",
    r"Malformed JSON:",
    r"JSON does not validate: .*?(?=\s*Failed validating|$)",
    # Texts of the schema; those of the grammar come below.
    r"Invalid query string parameters: (?:(?=Expected|The format)|.*?)"
    r"(?=\s*Failed validating|Expected|The format|$)",
    r"Failed validating '\w+' in schema(?:\[[^\]]*\])*",
    r"Policy does not allow \S+ to be performed\.",
    rf"No resource provider with uuid {_UUID} found(?: for delete)?",
    rf"Resource provider '{_UUID}' not found:",
    r"No inventory of class \S+ (?:for|found for delete)",
    r"Unable to create resource provider \"[^\"]*\", [\w-]+:",
    rf"Unable to save resource provider {_UUID}:",
    r"parent provider UUID (?:does not exist|cannot be same as UUID)",
    r"(?:re|un)-parenting a provider is not currently allowed",
    r"creating loop in the provider tree is not allowed\.",
    r"Conflicting resource provider .* already exists",
    rf"Unable to delete (?:parent )?resource provider {_UUID}:",
    r"It has child resource providers\.",
    r"Resource provider has allocations\.",
    rf"Unable to (?:create|update) inventory(?: for resource provider {_UUID})?",
    r"(?<!found for delete: )[Nn]o such resource class [^\s.]+",
    r"Update conflict",
    r"resource provider generation conflict"
    rf"(?: for provider {_UUID}: actual: \S+, given: \S+)?",
    r"No inventory record with resource class",
    r"greater than (?:or equal to )?total",
    r"Unknown resource class in inventory",
    rf"Inventory for '[^']*' on resource provider '{_UUID}' in use",
    # With several that do not exist, which of them are named is left open.
    r"(Inventory for) '[^']*' on resource provider '[^']*' invalid",
    r"update conflict:",
    r"Unable to delete inventory of class \S+:",
    r"Resource provider's generation already changed\. "
    r"Please update the generation and try again\.",
    r'The query parameter "associated" only accepts "true" or "false"',
    r"Badly formatted name parameter\. .*",
    r"No such trait(?:\(s\):)? .*",
    r"The trait is invalid\. .*",
    r"Cannot delete standard trait \S+",
    r"The trait \S+ is in use by a resource provider\.",
    r"Conflicting resource class already exists: \S+",
    r"Cannot update standard resource class \S+",
    r"Resource class already exists: \S+",
    r"Error in delete resource class:",
    r"Cannot delete standard resource class \S+",
    r"Class is in use in inventory\.",
    r"Malformed consumer_uuid",
    r"consumer generation conflict - expected \S+ but got \S+",
    rf"Allocation for resource provider '{_UUID}' that does not exist\.",
    r"Unable to allocate inventory(?: for consumer [\w-]+)?",
    r"would violate inventory constraints",
    r"The requested amount would exceed the capacity",
    r"No allocations for consumer '[^']*'",
    rf"Resource provider {_UUID} in inventories not found:",
    r"malformed reshaper data:",
    r"Badly formed resources parameter\. .*",
    r"Requested resource .*",
    r"Invalid resource class in resources parameter:",
    r"Expected 'member_of' parameter to contain valid UUID\(s\)\. Got:",
    r"Expected '(?:required|in_tree)' parameter .*",
    r"The format 'in:[^']*' .*",
    r"Conflicting required and forbidden traits found in .*",
    r"Multiple .* parameters? .*not supported",
    r"Multiple values for 'member_of' .*",
    r"Forbidden member_of parameters are not supported in the specified microversion",
    r"Query parameter 'root_required' may be specified only once\.",
    r"There must be at least one resources or resources\[\$S\] parameter\.",
    r"Empty string \(unsuffixed group\) can not be specified in `same_subtree`",
    r"Real suffixes should be specified in `same_subtree`: .*",
    r"Resourceless suffixed group request should be specified in .*",
    r"All traits parameters must be associated with resources\. .*",
    r"All member_of parameters must be associated with resources\. .*",
    r"All request groups must specify resources\.",
    r"At least one request group .* is required\.",
    r"The \"group_policy\" parameter is required when .*",
]
_PATTERNS = [re.compile(phrase) for phrase in _PHRASES]
_TAGS = re.compile(r"<[^>]*>")


def phrases(text: str) -> list[str]:
    """Return the phrases in ``text``, in the order of the list.

    Of a pattern with a group only what the group has matters.
    """
    line = " ".join(text.split())
    matches = [pattern.search(line) for pattern in _PATTERNS]
    return [match[match.lastindex or 0].strip() for match in matches if match]


def generic_sentence(detail: str) -> str:
    """Return the text before the first empty line."""
    return " ".join(detail.partition("\n\n")[0].split())


def without_markup(document: str) -> str:
    """Return the text of an error page."""
    return html.unescape(_TAGS.sub("\n", document))
