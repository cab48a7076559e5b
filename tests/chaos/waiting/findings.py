"""What engine and model do not agree on."""

from dataclasses import dataclass, field

MAX_LATE = 0.01  # of the orders that fired


@dataclass
class Findings:
    orders: int = 0
    fired: int = 0
    exactly: int = 0  # fired at the first slot that the model says
    rearmed: int = 0
    late: int = 0  # limits that fired more than a slot after the first that the model says
    problems: dict[str, list[str]] = field(
        default_factory=lambda: {name: [] for name in ("twice", "missed", "early", "below", "groups", "wrong")}
    )

    @property
    def clean(self) -> bool:
        return not any(self.problems.values()) and self.late <= MAX_LATE * self.fired

    def add(self, other: "Findings") -> None:
        self.orders += other.orders
        self.fired += other.fired
        self.exactly += other.exactly
        self.rearmed += other.rearmed
        self.late += other.late
        for name, found in other.problems.items():
            self.problems.setdefault(name, []).extend(found)

    def __str__(self) -> str:
        counts = ", ".join(f"{len(found)} {name}" for name, found in self.problems.items())
        samples = [f"\n    {name}: {one}" for name, found in self.problems.items() for one in found[:4]]
        text = f"{self.fired} fired ({self.exactly} at the model's slot), {self.late} limits late"
        return f"{text}, {self.rearmed} armed again, {counts}{''.join(samples)}"
