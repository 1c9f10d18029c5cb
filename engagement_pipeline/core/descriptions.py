"""What each stored column means, in words for the people who look at a table.

Here: words only. Not here: the columns and their types (`frames`).
"""

DESCRIPTIONS = {
    "active": "Whether any rule found an event in its window; of scores added up, whether any part did.",
    "alias": "The id that stands for the person.",
    "as_of": "The last day whose events count.",
    "auc": (
        "How often somebody with the outcome stands above somebody without it, by the weights as they are."
    ),
    "band": "Named interval of the scale that holds the score.",
    "band_after": "Band on the date.",
    "band_before": "Band on the date compared with.",
    "bands": "How many bands lower; null for a score without bands.",
    "batch": "SHA-256 of the file that brought the row.",
    "because": (
        "Why held back: stale, provisional, definition, reference, cooldown or at_most; null for who is "
        "told of."
    ),
    "campaign_id": "The campaign that the source names.",
    "cause": "The rule whose points fell most between the two dates.",
    "channel": "Where it happened.",
    "compared_with": "The earlier of the two dates.",
    "content_hash": (
        "128 bits of the SHA-256, in hexadecimal, of the event's mapped columns and declared properties; "
        "of its raw row where the source gives no event id."
    ),
    "contributions": (
        "Per rule with a quantity, in rule order: the quantity, what the daily cap took of it, and the "
        "points (in ten-thousandths) that age, the rule's cap and the caps of its group and of the score "
        "took, and that remain."
    ),
    "decile": "Tenth of the people, 1 the one that the model thinks likeliest.",
    "decision": "send, hold_out or suppress; of an alert tell or hold_back.",
    "definition": "Digest of the definition that made the row.",
    "definition_after": "Digest of the definition that made the later score.",
    "definition_before": "Digest of the definition that made the earlier score.",
    "digest": "Of what held on the date.",
    "drop": "How much lower, on the score's scale.",
    "effective_from": "First as-of date that is read against this population.",
    "event": "Name in the tracking plan.",
    "event_date": "Calendar day of occurred_at in the project's time zone.",
    "event_id": "Unique within its source over the lateness horizon.",
    "events_version": "Digest of the day's events that the measure was computed from.",
    "expected": "The rate that the earlier dates foretold; on the latest date only.",
    "file": "Name of the file below the landing folder.",
    "first_seen": "First day with an event or a profile row.",
    "fitted_until": "The last date that the fit has seen.",
    "high": "Upper end of the 95 % interval.",
    "is_machine": "Whether a machine did it.",
    "lead": "How much higher the proposed weights' AUC is.",
    "lead_high": "Upper end of its 95 % interval.",
    "lead_low": "Lower end of its 95 % interval.",
    "lift": "The rate, as a multiple of everybody's.",
    "low": "Lower end of the 95 % interval.",
    "machine_reason": (
        "How one knows: provider_flag, known_bot, apple_mail_privacy, prefetch or security_gateway; null "
        "for persons."
    ),
    "measure": "Id of the daily quantity.",
    "measures_version": "Digest of the day's measures that this row was written for.",
    "merges": "Whether both ids are known persons; otherwise the alias is an anonymous id.",
    "message": "What is sent, or would have been.",
    "message_id": "The message that the source names.",
    "metric": "What was measured: auc, ks and so on.",
    "model": "What foretells the outcome: the score, or a plain baseline such as days since the last event.",
    "observed_at": "When the source said so (UTC).",
    "occurred_at": "When it happened (UTC).",
    "outcome": "What people did, or no longer did, in the days after the date.",
    "outcomes": "How many of the people had the outcome.",
    "people": "How many people, parts of them where predictions are equal.",
    "per": "The units of value that the weight is for.",
    "person_id": "The person.",
    "persons": "How many people had exactly these points.",
    "points": "Points before scaling, in ten-thousandths; null when unscored.",
    "points_after": "Points on the as-of date, in ten-thousandths; null without any.",
    "points_before": "Points on the date compared with, in ten-thousandths; null without any.",
    "points_change": "Their difference, where none counts as 0: the sum of its parts.",
    "points_decay_and_expiry": "Of it: what happened before has aged, or left the window.",
    "points_definition": "Of it: the definition was edited.",
    "points_digest": "Digest of the part of the definition that makes points.",
    "points_identity": "Of it: ids came to mean other people.",
    "points_late_data": "Of it: what came to be known later of days before.",
    "points_new_behaviour": "Of it: what happened after the date compared with.",
    "points_people": "Of it: facts about the person, or the scores added up, changed.",
    "properties": "The whole row as the source gave it, as JSON; of a list's element what its mapping reads.",
    "proposed": "The weight that fits the outcome best.",
    "proposed_auc": "The AUC by the proposed weights.",
    "quantity": "Events, or hundredths of the unit; uncapped, never zero.",
    "rate": "The share of the people who had the outcome.",
    "raw": "The row as a JSON object, or the line as it came where it is none.",
    "reason": "Why not, in words; null for who is sent something.",
    "received_at": "When its file was first seen (UTC); stamped once.",
    "reference": "Version of the population read against; live when fitted on the same date.",
    "reference_after": "Version of the population of the later score.",
    "reference_before": "Version of the population of the earlier score.",
    "row_number": "Row in its file, from 1.",
    "rule": "The rule that the row broke.",
    "says": "What to bear in mind with the row, in words.",
    "score": "On the definition's scale; null when unscored.",
    "score_after": "Score on the date.",
    "score_before": "Score on the date compared with.",
    "score_change": "Their difference, the sum of its parts; null without both.",
    "score_decay_and_expiry": "Of it: what happened before has aged, or left the window.",
    "score_definition": "Of it: the definition was edited.",
    "score_identity": "Of it: ids came to mean other people.",
    "score_late_data": "Of it: what came to be known later of days before.",
    "score_new_behaviour": "Of it: what happened after the date compared with.",
    "score_people": "Of it: facts about the person, or the scores added up, changed.",
    "score_reference": "Of it: the population read against is another.",
    "session_id": "The visit that the source names.",
    "since": "The version of the table that first held it.",
    "source": "Who said so.",
    "state": (
        "scored, inactive (nothing in the window), unscored (does not apply), stale (a source that it "
        "needs lacks days) or provisional (no reference, or the window begins before the data)."
    ),
    "state_after": "State on the as-of date.",
    "state_before": "State on the date compared with.",
    "tested_on": "The date that the fit has never seen.",
    "unit": "What value is counted in.",
    "valid_from": "First day on which these facts held.",
    "valid_to": "First day on which they no longer held; null while they do.",
    "value": "How much, in the unit.",
    "variant": "The variant that fits, also for who is held out.",
    "version": "Digest of the population.",
    "weight": "The weight as it is.",
    "why": "That rule's points on both dates, in words.",
}
"""By column; declared properties and profile facts speak for themselves."""
_JUDGED = {"score": "The score that is judged.", "value": "The figure."}
OF_TABLES = {
    "score_changes": {
        "score_before": "Score on the date compared with, in ten-thousandths.",
        "score_after": "Score on the as-of date, in ten-thousandths.",
    },
    "score_quality": _JUDGED,
    "score_deciles": _JUDGED,
    "weight_proposal": {**_JUDGED, "rule": "The rule whose weight it is."},
}
"""By kind of table, where a column means something else there."""


def described(table: str, column: str) -> str | None:
    """What a column of a table means; None where it speaks for itself."""
    return OF_TABLES.get(table.partition("/")[0], {}).get(column, DESCRIPTIONS.get(column))
