"""Whether a wallet has signed the message that a node tells."""

from typing import Any

import pytest
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from app.dex.adapters.solana.outcomes import is_signed

KEY = str(Pubkey.default())
MANY = 10**15  # of so many bytes no machine has the memory


def told(**instruction: Any) -> dict[str, Any]:
    counts = ("numRequiredSignatures", "numReadonlySignedAccounts", "numReadonlyUnsignedAccounts")
    message = {
        "header": dict.fromkeys(counts, 0),
        "accountKeys": [KEY],
        "recentBlockhash": str(Hash.default()),
        "instructions": [{"programIdIndex": 0, "data": "", "accounts": []} | instruction],
    }
    return {"transaction": {"message": message}}


def test_a_number_in_place_of_a_list_takes_no_memory() -> None:
    signature = str(Signature.default())
    assert not is_signed(told(), signature)
    with pytest.raises(ValueError, match="list"):
        is_signed(told(accounts=MANY), signature)
    answer = told()
    table = {"accountKey": KEY, "writableIndexes": [], "readonlyIndexes": MANY}
    answer["transaction"]["message"]["addressTableLookups"] = [table]
    with pytest.raises(ValueError, match="list"):
        is_signed(answer, signature)
