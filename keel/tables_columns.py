"""Types of columns that the mapped classes of all packages are made of."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, Boolean, DateTime, Integer, SmallInteger, Text, Uuid
from sqlalchemy.orm import mapped_column

Id = Annotated[str, mapped_column(Uuid(as_uuid=False))]
Key = Annotated[str, mapped_column(Uuid(as_uuid=False), primary_key=True)]
Word = Annotated[str, mapped_column(Text)]
Small = Annotated[int, mapped_column(SmallInteger)]
Count = Annotated[int, mapped_column(Integer)]
Big = Annotated[int, mapped_column(BigInteger)]
Flag = Annotated[bool, mapped_column(Boolean)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
