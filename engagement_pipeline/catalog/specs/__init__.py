"""The pydantic models of what a catalog's YAML files may say.

Here: one strict, frozen model per kind of file, and the checks that need only the one definition.
Not here: reading YAML (`reader`), checks across files (`lint`), conditions (`expressions`), and what a
definition computes (`core`).
"""

from engagement_pipeline.catalog.specs.alerts import Alert
from engagement_pipeline.catalog.specs.base import (
    Channel,
    Days,
    Name,
    Owner,
    PropertyType,
    Share,
    Spec,
    Weight,
)
from engagement_pipeline.catalog.specs.campaigns import (
    Audience,
    Campaign,
    CampaignOutcome,
    FilesDestination,
    Segment,
    Variant,
)
from engagement_pipeline.catalog.specs.coverage import Expects
from engagement_pipeline.catalog.specs.databases import DatabaseRows
from engagement_pipeline.catalog.specs.formats import CsvOptions, Format
from engagement_pipeline.catalog.specs.machine import GatewayClicks, Machine
from engagement_pipeline.catalog.specs.mappings import (
    AliasMapping,
    EventMapping,
    MappedField,
    Mapping,
    Origin,
    ProfileMapping,
    Rates,
)
from engagement_pipeline.catalog.specs.outcomes import Outcome
from engagement_pipeline.catalog.specs.project import Automation, Engine, Limits, Project, Publish
from engagement_pipeline.catalog.specs.rules import (
    AttributeRule,
    Cap,
    Decay,
    EventRule,
    HalfLife,
    Linear,
    PartRule,
    Rate,
    Rule,
    SCurve,
)
from engagement_pipeline.catalog.specs.scales import Band, Scale
from engagement_pipeline.catalog.specs.scores import Score
from engagement_pipeline.catalog.specs.sources import Event, Source, TrackingPlan

__all__ = [
    "Alert",
    "AliasMapping",
    "AttributeRule",
    "Audience",
    "Automation",
    "Band",
    "Campaign",
    "CampaignOutcome",
    "Cap",
    "Catalog",
    "Channel",
    "CsvOptions",
    "DatabaseRows",
    "Days",
    "Decay",
    "Engine",
    "Event",
    "EventMapping",
    "EventRule",
    "Expects",
    "FilesDestination",
    "Format",
    "GatewayClicks",
    "HalfLife",
    "Limits",
    "Linear",
    "Machine",
    "MappedField",
    "Mapping",
    "Name",
    "Origin",
    "Outcome",
    "Owner",
    "PartRule",
    "ProfileMapping",
    "Project",
    "PropertyType",
    "Publish",
    "Rate",
    "Rates",
    "Rule",
    "SCurve",
    "Scale",
    "Score",
    "Segment",
    "Share",
    "Source",
    "Spec",
    "TrackingPlan",
    "Variant",
    "Weight",
]


class Catalog(Spec):
    """Everything a project declares, in the order of the files' names; checked across files."""

    project: Project
    events: dict[Name, Event]
    sources: dict[Name, Source]
    scores: dict[Name, Score]
    """In dependency order: a composite stands after its parts."""
    segments: dict[Name, Segment]
    """In dependency order: a segment stands after those it names."""
    campaigns: dict[Name, Campaign]
    outcomes: dict[Name, Outcome] = {}
    alerts: dict[Name, Alert] = {}

    @property
    def properties(self) -> dict[str, PropertyType]:
        """Every event property of the plan and its type, sorted by name."""
        found = {name: kind for event in self.events.values() for name, kind in event.properties.items()}
        return dict(sorted(found.items()))

    @property
    def consent_events(self) -> dict[str, str]:
        """Events of the plan that say something about contacting a person, and what: `in` or `out`."""
        return {
            name: event.consent.removeprefix("opt_") for name, event in self.events.items() if event.consent
        }

    @property
    def has_aliases(self) -> bool:
        """Whether any source says who is who."""
        return any(source.aliases for source in self.sources.values())

    @property
    def has_consents(self) -> bool:
        """Whether any event or profile says who may be contacted."""
        return bool(self.consent_events) or any(
            source.profiles.consents for source in self.sources.values() if source.profiles
        )

    @property
    def profile_columns(self) -> dict[str, PropertyType]:
        """Every profile fact the sources declare and its type, sorted by name."""
        found = {name: kind for source in self.sources.values() for name, kind in source.columns.items()}
        return dict(sorted(found.items()))
